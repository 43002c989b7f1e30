"""CloudFormation stacks: their state, their parameters, and changes by change set."""
