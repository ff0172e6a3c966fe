"""What the modules of settings declare a part of them with."""

from pydantic import BaseModel


class SettingsPart(BaseModel, defer_build=True):
    """Settings of one concern.

    No part has a validator: that of all settings is the only one that is used.
    """
