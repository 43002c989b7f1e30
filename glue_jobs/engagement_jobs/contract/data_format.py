"""The version number of the data that the code keeps in S3.

Raise it in the commit that changes the format of a ledger, an aggregate, a manifest, a snapshot or a scores file so
that older code cannot read what newer code writes. An addition that older code ignores needs no new number.

The deploy tool writes the number into the release manifest and refuses to go back to a release with a lower one.
"""

DATA_FORMAT = 1
