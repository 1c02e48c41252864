def test_whoever_is_removed_leaves_nothing_however_often_it_is_told(things):
    for name in ("ann", "ben"):
        things.as_(name).post("/api/v1/things/", json={"name": "A kettle"})
    for _ in range(2):
        things.receive("auth.user_removed.v1", "1", 2, {"id": 1})
    assert things.parked() == []
    assert things.as_("ann").get("/api/v1/things/").json["count"] == 0
    assert things.as_("ben").get("/api/v1/things/").json["count"] == 1
