from chassis.testing.service import service_doors
from posts.app import Settings, create_app

posts = service_doors("posts", create_app, Settings)
