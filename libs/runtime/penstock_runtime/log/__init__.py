"""The ordered log on JetStream: connection, readers, numbered writers."""

from penstock_runtime.log.connection import Log
from penstock_runtime.log.cursor import Cursor, Place
from penstock_runtime.log.delivery import Delivered
from penstock_runtime.log.reader import LogReader
from penstock_runtime.log.streams import StreamLimits
from penstock_runtime.log.writer import NumberedWriter

__all__ = ["Cursor", "Delivered", "Log", "LogReader", "NumberedWriter", "Place", "StreamLimits"]
