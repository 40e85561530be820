"""The one exception a user is meant to read."""


class UserError(ValueError):
    """Something the person at the keyboard can put right.

    The message is one line that names the thing (file, row, flag) and says what to do. Commands print it
    without a traceback and exit with status 2; everything else that escapes is a defect of this project.
    """
