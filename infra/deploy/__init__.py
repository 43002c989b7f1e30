"""The deploy tool: packages a commit, uploads it as a release, and deploys it to an AWS account.

`python -m infra.deploy {package|plan|deploy|smoke} --env NAME`. The tool keeps no state of its own. It reads the
current state from AWS in every run, so a second run completes what an interrupted one started.
"""
