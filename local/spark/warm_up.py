"""Does with a few rows what our jobs do with many, so that Java has loaded the classes that they need."""

from typing import Any

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F  # noqa: N812

BUCKET = "s3://warm-up"
SCHEMA = "user_id string, outcome string, at double"


def main(spark: SparkSession) -> None:
    """Write, read, window, aggregate, join, and hand rows to Python."""
    rows = spark.range(200).select(
        F.format_string("U%09d", "id").alias("user_id"), (F.col("id") % 7).alias("logins"), F.rand().alias("spent")
    )
    rows.write.parquet(f"{BUCKET}/activity")
    read = spark.read.parquet(f"{BUCKET}/activity")
    copies = Window.partitionBy("user_id").orderBy("logins", "spent")
    scored = read.withColumn("copy", F.row_number().over(copies)).withColumn("score", F.round("spent", 2)).persist()
    scored.groupBy("logins").agg(F.count("*"), F.sum("score"), F.min("spent"), F.max("spent")).collect()
    scored.select("user_id", F.col("score").cast("decimal(18,2)"), F.current_timestamp().alias("at")).orderBy(
        "user_id"
    ).write.mode("overwrite").option("header", "true").csv(f"{BUCKET}/scores")
    scored.where("logins > 5").write.json(f"{BUCKET}/rejected")

    scores = spark.read.option("header", "true").schema("user_id string, score string, at string")
    told = scores.csv(f"{BUCKET}/scores")
    lines = spark.read.schema(SCHEMA).json(f"{BUCKET}/rejected").groupBy("user_id").agg(F.max_by("outcome", "at"))
    few = spark.createDataFrame([("U000000001",)], "user_id string")
    decided = told.join(lines, "user_id", "left").join(few, "user_id", "left_anti").persist()
    decided.rdd.mapPartitions(lambda partition: [sum(1 for _ in partition)]).collect()
    decided.repartition(2).rdd.mapPartitions(list).collect()
    list(decided.orderBy("user_id").toLocalIterator())


def end(spark: SparkSession) -> None:
    """End Spark and its Java, and wait for that."""
    gateway: Any = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()
    gateway.proc.stdin.close()
    gateway.proc.wait()


if __name__ == "__main__":
    # Rows by the hundred, spread over the two hundred partitions that Spark shuffles into, take a minute.
    session = SparkSession.builder.appName("warm-up").config("spark.sql.shuffle.partitions", 4).getOrCreate()
    main(session)
    end(session)  # when Java writes the archive
