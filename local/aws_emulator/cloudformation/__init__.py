"""CloudFormation, as far as a deployment by change sets needs it.

`infra.intrinsics` resolves the template. The result is compared with the deployed state and applied to the services,
resource by resource. Constraints, permissions and rules of replacement are not emulated.
"""
