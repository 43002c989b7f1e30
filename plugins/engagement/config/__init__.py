"""Configuration: the [engagement] section at parse time, the Variable's settings and the params at run time."""
