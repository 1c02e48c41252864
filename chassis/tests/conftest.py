import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from shop.app import Settings, create_app

from chassis.testing.service import service_doors

shop = service_doors("shop", create_app, Settings)
