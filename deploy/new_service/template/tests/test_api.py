def test_a_thing_is_made_shown_and_listed(things):
    ann = things.as_("ann")
    made = ann.post("/api/v1/things/", json={"name": "A kettle"})
    assert made.status_code == 201
    assert ann.get(f"/api/v1/things/{made.json['id']}").json == made.json
    assert ann.get("/api/v1/things/").json["things"] == [made.json]


def test_making_tells_the_others(things):
    things.as_("ann").post("/api/v1/things/", json={"name": "A kettle"})
    [event] = things.outbox()
    assert (event.type, event.data["owner_id"], event.data["name"]) == ("things.thing_made.v1", 1, "A kettle")


def test_a_thing_without_a_name_is_refused_by_its_field(things):
    answer = things.as_("ann").post("/api/v1/things/", json={})
    assert answer.status_code == 400
    assert [problem["field"] for problem in answer.json["errors"]] == ["name"]


def test_everybody_lists_their_own(things):
    things.as_("ann").post("/api/v1/things/", json={"name": "A kettle"})
    assert things.as_("ben").get("/api/v1/things/").json["count"] == 0


def test_strangers_get_nothing(things):
    assert things.anonymous().get("/api/v1/things/").status_code == 401
    assert things.as_("ann").get("/api/v1/things/9").status_code == 404


def test_everything_can_be_told_again_page_by_page(things):
    for name in ("A kettle", "A lamp", "A chair"):
        things.as_("ann").post("/api/v1/things/", json={"name": name})
    page = things.internal().get("/internal/snapshots/things.thing_made.v1?limit=2").json
    assert [state["data"]["name"] for state in page["states"]] == ["A kettle", "A lamp"]
