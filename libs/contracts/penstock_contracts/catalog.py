"""Every message module: importing this one fills the registry."""

from penstock_contracts import control, features, interval, market, orders, signals, venue
from penstock_contracts.base import message_type, message_types, type_of

MODULES = (control, features, interval, market, orders, signals, venue)

__all__ = ["MODULES", "message_type", "message_types", "type_of"]
