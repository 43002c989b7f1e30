"""CloudFormation: stacks, their parameters, and changes by change set."""
