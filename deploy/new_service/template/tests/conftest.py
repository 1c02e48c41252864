from things.app import Settings, create_app

from chassis.testing.service import service_doors

things = service_doors("things", create_app, Settings)
