from chassis.migrating import run

run()
