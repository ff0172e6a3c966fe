"""The pages that the simulated Strava shows to an athlete during authorization."""

from html import escape
from typing import NamedTuple

from strava_simulator.world import World

# With more athletes than this, a field for the id replaces the list.
_LISTED_ATHLETES = 50
_EXPLANATIONS = {
    "read": "View public profile and public data",
    "read_all": "View private routes, segments and events",
    "profile:read_all": "View your complete profile",
    "profile:write": "Change your profile",
    "activity:read": "View your activities, except those only you can see",
    "activity:read_all": "View all your activities, also those only you can see",
    "activity:write": "Upload and change activities",
}
_STYLE = """
body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem;
color:#222;background:#fff}
fieldset{border:1px solid #767676;border-radius:.4rem;margin:1rem 0}
label{display:block;padding:.3rem 0}
button,select,input[type=number]{font:inherit;padding:.5rem 1rem;min-height:2.75rem}
button[value=authorize]{background:#b83200;color:#fff;border:0;border-radius:.3rem}
:focus-visible{outline:3px solid #005fcc;outline-offset:2px}
[role=alert]{color:#a30000;font-weight:bold}
"""


class Consent(NamedTuple):
    """What an application asks for."""

    client_id: str
    redirect_uri: str
    state: str
    scopes: tuple[str, ...]


def consent_page(consent: Consent, world: World, problem: str = "") -> str:
    """The form: the athlete, the scopes to grant, and Authorize or Cancel."""
    alert = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    return _page(
        "Authorize on Strava (simulated)",
        f"""{alert}<p>Application {escape(consent.client_id)} would like to
connect to your account. This is a simulated Strava: no real account is used.</p>
<form method="post" action="/oauth/authorize">
{_hidden(client_id=consent.client_id, redirect_uri=consent.redirect_uri, state=consent.state)}
{_hidden(scope=",".join(consent.scopes))}
{_athlete_field(world)}
<fieldset><legend>The application will be able to</legend>
{"".join(map(_scope_field, consent.scopes))}</fieldset>
<p><button name="decision" value="authorize">Authorize</button>
<button name="decision" value="cancel">Cancel</button></p>
</form>""",
    )


def limit_page() -> str:
    """Strava's page when the application may not connect more athletes."""
    return _page(
        "Error 403: Limit of connected athletes exceeded",
        "<p>This app has exceeded the limit of connected athletes. "
        "If you are a developer of this application, please contact Strava developer support "
        "for how to request a quota increase.</p>",
    )


def _page(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _hidden(**values: str) -> str:
    return "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in values.items()
    )


def _athlete_field(world: World) -> str:
    ids = world.athlete_ids
    if len(ids) > _LISTED_ATHLETES:
        return (
            f'<label for="athlete">Sign in as athlete (id {ids[0]} to {ids[-1]})</label>'
            f'<input id="athlete" type="number" name="athlete_id" '
            f'min="{ids[0]}" max="{ids[-1]}" value="{ids[0]}" required>'
        )
    options = "".join(
        f'<option value="{identifier}">{_name(world, identifier)}</option>' for identifier in ids
    )
    return (
        '<label for="athlete">Sign in as</label>'
        f'<select id="athlete" name="athlete_id">{options}</select>'
    )


def _name(world: World, athlete_id: int) -> str:
    athlete = world.athlete(athlete_id) or {}
    return escape(f"{athlete.get('firstname')} {athlete.get('lastname')} ({athlete_id})")


def _scope_field(scope: str) -> str:
    explanation = escape(_EXPLANATIONS.get(scope, scope))
    return (
        f'<label><input type="checkbox" name="granted" value="{escape(scope)}" checked> '
        f"{explanation} (<code>{escape(scope)}</code>)</label>"
    )
