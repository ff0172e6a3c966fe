"""The simulated Strava's page that asks an athlete for access."""

import re

import httpx


async def authorize(url, *, decision="authorize", athlete=1001, ticked=None):
    """Fill in Strava's form; gives where it sends the browser."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        page = (await http.get(url)).text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        granted = re.findall(r'name="granted" value="([^"]*)"', page) if ticked is None else ticked
        form = hidden | {"athlete_id": str(athlete), "granted": granted, "decision": decision}
        answer = await http.post(str(httpx.URL(url).join("/oauth/authorize")), data=form)
    return answer.headers["location"]
