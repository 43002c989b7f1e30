"""What a night takes at 10 thousand to 100 million users, on paper, and the summary of the largest, for real.

The paper (`model`) is arithmetic on three kinds of numbers: speeds that other benchmarks measured (`measured`), bytes
of what the jobs' own code wrote (`samples`), and the product's own constants, asked of its code (`product`). What is
none of these is an assumption and is named (`assumptions`). The summary (`simulation`) is the operator itself, over
what the push tasks of a run of many hours leave in S3.
"""
