"""E-mail addresses: which are good, and how they are written where they are kept and looked for."""

from email_validator import EmailNotValidError, validate_email

ENCODED = "=?"  # begins an encoded word (RFC 2047), which a mail's header would read as another address


def good(text: str) -> str:
    """As it is stored: in small letters, the domain in ASCII. Whether somebody reads it is shown by a link,
    not by asking the DNS. Raises `ValueError`.
    """
    try:
        found = validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True)
    except EmailNotValidError:
        found = None
    if found is None or ENCODED in text:
        raise ValueError("is not a valid e-mail address")
    return str(found.ascii_email).lower()


def normal(text: str) -> str:
    """What is looked for when somebody types this: as it is stored; in small letters, if it is none."""
    text = text.strip()
    if not text.isascii():
        try:
            return good(text)
        except ValueError:
            pass
    return text.lower()
