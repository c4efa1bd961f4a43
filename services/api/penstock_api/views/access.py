"""Who the caller is."""

from penstock_api.access.roles import Caller, Role
from penstock_api.views.base import View


class MeAnswer(View):
    """Who the api takes you for, and what you may do."""

    name: str
    """Of the token; `local` where nobody is asked."""
    role: Role
    via: str
    """`open` where nobody is asked, `token`, or `cookie`."""
    csrf_token: str | None
    """What a browser's session gives back in `X-CSRF-Token` with everything that changes something."""


def me_of(caller: Caller, csrf_token: str | None) -> MeAnswer:
    """The caller as an answer."""
    return MeAnswer(name=caller.name, role=caller.role, via=caller.via, csrf_token=csrf_token)
