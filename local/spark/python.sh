#!/bin/sh
# Python for Spark's workers: $LOCAL_SPARK_PYTHON, without the archives that Spark puts before its modules. They hold
# once more what is installed, as source; every task reads their lists of files anew, of which its own jar has thousands.
set -euf
entries=
IFS=:
for entry in ${PYTHONPATH:-}; do
  case $entry in
    */pyspark.zip | */py4j-*.zip | *.jar) ;;
    *) entries=$entries:$entry ;;
  esac
done
PYTHONPATH=${entries#:} exec "$LOCAL_SPARK_PYTHON" "$@"
