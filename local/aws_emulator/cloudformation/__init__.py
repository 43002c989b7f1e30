"""CloudFormation, as far as a deployment by change sets needs it.

A template is resolved by `infra.intrinsics`, compared with what is deployed, and put into the services resource by
resource. What CloudFormation decides itself (constraints, permissions, which property replaces what) is not imitated.
"""
