#!/bin/sh
# Makes every secret that docker-compose.yml mounts, each once: what is there stays as it is. Needs a shell and nothing else.
#
# The folder keeps other people of this machine out (0700). The files in it can be read, because a container sees only those
# that are mounted into it, and reads them as a user of its own who is nobody here.
set -eu
folder=${SECRETS:-secrets}
umask 022
mkdir -p "$folder"
chmod 700 "$folder"
cd "$folder"

keep() { # NAME: standard input becomes the secret, whole or not at all, unless it is there
    if [ -e "$1" ]; then cat >/dev/null; return; fi
    cat > ".$1.new" && chmod 444 ".$1.new" && mv ".$1.new" "$1"
    echo "made $folder/$1"
}
random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

for name in postgres_password internal_secret secret_key web_secret_key grafana_password; do
    random | keep "$name"
done
# The password of a mail server comes from whoever runs it, who writes it in here.
[ -e mail_password ] || { printf '' | keep mail_password && chmod 644 mail_password; }

random | keep redis_password
printf 'requirepass %s\nsave ""\nappendonly no\nmaxmemory 48mb\nmaxmemory-policy volatile-ttl\ndir /tmp\n' "$(cat redis_password)" | keep redis.conf
printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" | keep redis_url

# A role of PostgreSQL and a user of RabbitMQ for each service that keeps data.
for service in auth posts social; do
    random | keep "${service}_database_password"
    printf 'postgresql+psycopg://%s:%s@postgres:5432/%s' "$service" "$(cat "${service}_database_password")" "$service" | keep "${service}_database_url"
    random | keep "${service}_bus_password"
    printf 'amqp://%s:%s@rabbitmq:5672/flasky' "$service" "$(cat "${service}_bus_password")" | keep "${service}_bus_url"
done

# Each declares and reads its own queues only; it may write to every queue, because `flask resend --to` does.
users='' permissions='' comma=''
for service in auth posts social; do
    users="$users$comma
    {\"name\": \"$service\", \"password\": \"$(cat "${service}_bus_password")\", \"tags\": \"\"}"
    permissions="$permissions$comma
    {\"user\": \"$service\", \"vhost\": \"flasky\", \"configure\": \"^(events|$service|$service\\\\.(dead|bindings))\$\", \"write\": \"^(events|amq\\\\.default|$service|$service\\\\.(dead|bindings))\$\", \"read\": \"^(events|$service|$service\\\\.(dead|bindings))\$\"}"
    comma=','
done
printf '{\n  "vhosts": [{"name": "flasky"}],\n  "users": [%s\n  ],\n  "permissions": [%s\n  ]\n}\n' "$users" "$permissions" | keep rabbitmq_definitions.json
