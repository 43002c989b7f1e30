"""CloudFormation templates, and the tool that deploys them and the code."""
