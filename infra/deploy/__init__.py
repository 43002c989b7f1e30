"""The deploy tool: packages a commit, uploads it as a release, and brings an AWS account to it.

`python -m infra.deploy {package|plan|deploy|smoke} --env NAME`. It keeps no state of its own: what is there is asked of
AWS each time, so that a second run completes what an interrupted one began.
"""
