"""What a run sends: as asked for, as set, or nothing because its date is too old."""

from engagement.contract.arguments import PushMode

DRY_RUN: PushMode = "dry_run"


def decide(
    *, requested: PushMode | None, setting: PushMode, age_in_days: int, max_age_in_days: int
) -> tuple[PushMode, str]:
    """Return the push mode and, when it is not the usual one, the reason as a sentence (else empty).

    :param requested: the param, which wins over everything
    :param setting: the mode of runs that ask for none
    :param age_in_days: days from the score date to the start of the run
    :param max_age_in_days: older dates are only planned, for a month of backfill must not set off a month of
        outreach
    """
    if requested:
        return requested, "" if requested == setting else f"the run was started with push_mode={requested}"
    if setting == DRY_RUN or age_in_days <= max_age_in_days:
        return setting, ""
    return DRY_RUN, (
        f"its date was {age_in_days} days old when the run started, more than "
        f"max_push_age_days={max_age_in_days}; to send it, trigger the date with a push_mode chosen"
    )
