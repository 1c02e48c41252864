from chassis.testing.service import service_doors
from social.app import Settings, create_app

social = service_doors("social", create_app, Settings)
