"""Never two schedulers at once: both would push the same day."""

from infra.deploy.errors import DeployError
from infra.deploy.stacks import Stacks
from infra.deploy.target import Target

KINDS = ("mwaa", "workflow")


def refuse_two(target: Target, stacks: Stacks) -> None:
    """Raise DeployError when another scheduler than the environment's is there; the message says how to remove it."""
    for kind in KINDS:
        name = target.environment.stack(kind)
        found = stacks.find(name) if kind != target.scheduler else None
        if found and found.is_there:
            raise DeployError(
                f"orchestrator is {target.environment.orchestrator!r}, but stack {name} is {found.status}: two "
                "schedulers would push the same day. Nothing was changed. To remove that one, run "
                f"`aws cloudformation delete-stack --stack-name {name} --region {target.environment.region}` (and "
                "`--role-arn` of an administrator's role, if GitHub's deployed it: that one deletes no environment), "
                "wait until it is gone, and run this again"
            )
