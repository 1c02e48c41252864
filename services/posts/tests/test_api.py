def test_publishing_answers_with_the_post(posts):
    answer = posts.as_("ann", 7).post("/api/v1/posts/", json={"body": "Hello *world*"})
    [event] = posts.outbox()
    assert answer.status_code == 201
    assert (event.type, event.data["body_html"]) == ("posts.post_published.v1", "<p>Hello <em>world</em></p>")
