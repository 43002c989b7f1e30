"""CloudFormation: stacks that are made, changed, put back and refused as AWS does, out of moto's resource types."""
