"""CloudFormation templates, and the tool that deploys them with everything else."""
