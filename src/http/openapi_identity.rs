//! The words of the operations around identity: tokens, registering, logging in and out.

use super::openapi_operations::{Bodies, Described, reads, takes, words};

const CLIENT: &str = "client: OauthClient";
const CREDENTIALS: &str = "loginId: LoginId, password: password";
const STATE: &str =
    "state: SignOnState, sessionToken?: string, stateToken?: string, identity: Identity";
const JWKS: Bodies = reads("", "keys: [any]");
const POLICY: &str = "signOnPolicy: SignOnPolicy";
const TOKEN: &str = "grantType: GrantType, clientId?: uuid, refreshToken?: string, code?: string, \
    codeVerifier?: string, redirectUri?: string";
const TOKENS: &str =
    "access_token: string, refresh_token: string, expires_in: integer, token_type: string";
const INFO: &str = "active: boolean, subjectType: SubjectType, subjectId?: uuid, iat?: string, \
    exp?: string, siteId?: uuid, clientId?: uuid";
const USER: &str = "sub: uuid, email?: email, emailVerified: boolean, givenName?: profileText, \
    familyName?: profileText, name?: nickname, picture?: string";
const AUTHORIZE: &str = "client_id: uuid, redirect_uri: string, code_challenge: string, \
    code_challenge_method?: string, response_type?: string, \
    response_mode?: ResponseMode, state?: string, session_token?: string";

pub const OPERATIONS: &[Described] = &[
    words(
        "createOauthClient",
        "Identity",
        "Admit an application that lets visitors and members in",
        takes("name: string, redirectUris?: [string]", CLIENT),
    ),
    words(
        "listOauthClients",
        "Identity",
        "List OAuth clients",
        reads("", "clients: [OauthClient]"),
    ),
    words("deleteOauthClient", "Identity", "Forget an OAuth client", reads("", "")),
    words(
        "issueToken",
        "Identity",
        "Tokens for a visitor, for a code, or renewed",
        takes(TOKEN, TOKENS),
    ),
    words("tokenInfo", "Identity", "What a token is", takes("token: string", INFO)),
    words("userInfo", "Identity", "The member of the token", reads("", USER)),
    words(
        "authorize",
        "Identity",
        "A code for a session, to the application",
        reads(AUTHORIZE, ""),
    ),
    words(
        "createRedirectSession",
        "Identity",
        "Where to send a browser to log in or out",
        takes("auth?: any, logout?: any, callbacks?: any", "redirectSession: RedirectSession"),
    ),
    words(
        "register",
        "Identity",
        "Become a member",
        takes("loginId: LoginId, password: password, profile?: IdentityProfile", STATE),
    ),
    words("login", "Identity", "Prove to be a member", takes(CREDENTIALS, STATE)),
    words(
        "signOn",
        "Identity",
        "Vouch for a member",
        takes(
            "loginId: LoginId, profile?: IdentityProfile",
            "sessionToken: string, identity: Identity",
        ),
    ),
    words(
        "changePassword",
        "Identity",
        "Set the password of the member of the token",
        takes("newPassword: password", ""),
    ),
    words(
        "validateEmail",
        "Identity",
        "Whether a text has the form of an e-mail address",
        takes("email: email", "valid: boolean, formatInvalid: boolean"),
    ),
    words(
        "logout",
        "Identity",
        "End logins, and go back to the application",
        reads("clientId?: uuid, postLogoutRedirectUri?: string", ""),
    ),
    words("jwks", "Identity", "Keys that tokens are signed with: none is public", JWKS),
    words(
        "startVerification",
        "Identity",
        "Mail a code to the member of the token",
        takes("target?: string", "verificationId: string"),
    ),
    words(
        "verifyDuringAuthentication",
        "Identity",
        "Show the code of a mail",
        takes("code: string, stateToken: string", STATE),
    ),
    words(
        "sendRecoveryEmail",
        "Identity",
        "Mail a token for a new password, if anybody has the address",
        takes("email: email, language?: string, redirect?: MailRedirect", ""),
    ),
    words(
        "sendActivationEmail",
        "Identity",
        "Mail a token for a new password to a member",
        takes("identityId: uuid, emailOptions?: any", ""),
    ),
    words(
        "recover",
        "Identity",
        "Set a new password with the token of a mail",
        takes("recoveryToken: string, password: password", STATE),
    ),
    words("listMails", "Identity", "What would have been mailed", reads("", "mails: [Mail]")),
    words("deleteMails", "Identity", "Empty the outbox", reads("", "deleted: integer")),
    words("getSignOnPolicy", "Identity", "How those who register are taken in", reads("", POLICY)),
    words(
        "updateSignOnPolicy",
        "Identity",
        "Set how those who register are taken in",
        takes("signOnPolicy: SignOnPolicyInput", POLICY),
    ),
];

/// Shapes that only these operations have.
pub const COMPONENTS: &[(&str, &str)] = &[
    ("GrantType", "anonymous|refresh_token|authorization_code"),
    ("ResponseMode", "query|fragment"),
    ("SubjectType", "UNKNOWN|VISITOR|MEMBER"),
    ("SignOnState", "SUCCESS|REQUIRE_OWNER_APPROVAL|REQUIRE_EMAIL_VERIFICATION"),
    ("LoginId", "email: email"),
    ("MailRedirect", "url: url, clientId: uuid"),
    ("Mail", "id: uuid, to: email, subject: string, text: string, createdDate: time"),
    ("OauthClient", "id: uuid, name: string, redirectUris: [string], createdDate: time"),
    ("RedirectSession", "id: uuid, fullUrl: string, urlDetails: any"),
    (
        "IdentityProfile",
        "nickname?: nickname, firstName?: profileText, lastName?: profileText, \
         privacyStatus?: PrivacyStatus",
    ),
    (
        "Identity",
        "id: uuid, revision?: string, createdDate?: time, updatedDate?: time, email: any, \
         identityProfile?: any, status: any",
    ),
    (
        "SignOnPolicy",
        "id: uuid, revision: string, updatedDate: time, requireOwnerApproval: boolean, \
         requireEmailVerification: boolean",
    ),
    ("SignOnPolicyInput", "requireOwnerApproval?: boolean, requireEmailVerification?: boolean"),
];
