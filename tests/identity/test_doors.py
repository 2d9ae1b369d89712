from tests.identity.conftest import HOME, PASSWORD, Site


async def test_password_and_code_let_the_person_in(site: Site):
    person, proofs = await site.identity.sign_in("vera", PASSWORD, site.code("vera"), HOME)
    assert person == site.persons["vera"]
    assert {p.factor for p in proofs} == {"password", "totp"}
