-- People who sign in by a provider of OpenID Connect: whom it means, once they have.
ALTER TABLE people ADD COLUMN openid_issuer TEXT;
ALTER TABLE people ADD COLUMN openid_subject TEXT;
CREATE UNIQUE INDEX people_by_openid ON people (openid_issuer, openid_subject)
    WHERE openid_subject IS NOT NULL;
