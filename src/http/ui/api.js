// Calls to the HTTP API. Keeps the key and the member tokens in memory, nowhere else.

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail ?? `the server answered ${status}`);
    this.status = status;
    this.code = problem?.details?.applicationError?.code ?? problem?.errors?.[0]?.code;
    this.requestId = problem?.requestId;
  }
}

export class Api {
  #key;
  #tokens = new Map();

  constructor(key) {
    this.#key = key;
  }

  get key() {
    return this.#key;
  }

  // As the owner.
  call(method, path, body) {
    return request(method, path, body, this.#key);
  }

  // As a member; the token is made on first use and remade when it has expired.
  async callAs(memberId, method, path, body) {
    let token = this.#tokens.get(memberId) ?? await this.#newToken(memberId);
    try {
      return await request(method, path, body, token);
    } catch (error) {
      if (error.status !== 401) throw error;
      token = await this.#newToken(memberId);
      return request(method, path, body, token);
    }
  }

  async #newToken(memberId) {
    const { accessToken } = await this.call('POST', '/v1/member-tokens', { memberId });
    this.#tokens.set(memberId, accessToken);
    return accessToken;
  }
}

async function request(method, path, body, credential) {
  const headers = { authorization: `Bearer ${credential}` };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {
      method, headers, cache: 'no-store', credentials: 'omit',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new ApiError(0, { detail: 'the server cannot be reached' });
  }
  const answer = await response.json().catch(() => undefined);
  if (!response.ok) throw new ApiError(response.status, answer);
  return answer;
}
