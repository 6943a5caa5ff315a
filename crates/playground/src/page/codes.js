// Close codes, RFC 6455 §7.4: the name in the registry, and what the code says.

const CODES = {
  1000: ['Normal Closure', 'The connection has done what it was for.'],
  1001: ['Going Away', 'The server shuts down, or the page is left.'],
  1002: ['Protocol Error', 'The peer broke the protocol.'],
  1003: ['Unsupported Data', 'The peer sent a type of data that is not accepted, such as binary where only text is.'],
  1005: ['No Status Received', 'The close frame had no code. Never sent: the browser puts it in.'],
  1006: ['Abnormal Closure', 'TCP ended without a close frame, or the browser failed the connection. Never sent: the browser puts it in.'],
  1007: ['Invalid Payload', 'A payload does not fit its type, such as text that is not UTF-8.'],
  1008: ['Policy Violation', 'A message breaks a rule of the endpoint, for which no other code fits.'],
  1009: ['Message Too Big', 'A message is larger than the endpoint accepts.'],
  1010: ['Mandatory Extension', 'A client needs an extension that the server did not agree to.'],
  1011: ['Internal Error', 'Something unexpected keeps the server from going on.'],
  1012: ['Service Restart', 'The server restarts: come back in a while.'],
  1013: ['Try Again Later', 'The server is overloaded.'],
  1014: ['Bad Gateway', 'A gateway got an invalid response from the server behind it.'],
  1015: ['TLS Handshake', 'TLS could not be set up. Never sent: the browser puts it in.'],
};

/** The name of a code. */
export function name(code) {
  if (CODES[code]) return CODES[code][0];
  if (code >= 3000 && code < 4000) return 'Registered';
  if (code >= 4000 && code < 5000) return 'Private Use';
  return 'Reserved';
}

/** What a code says, in a sentence. */
export function meaning(code) {
  if (CODES[code]) return CODES[code][1];
  if (code >= 3000 && code < 4000) return 'For libraries and frameworks, which register their codes with IANA.';
  if (code >= 4000 && code < 5000) return 'For applications, which agree on a meaning among themselves.';
  return 'Reserved for later versions of the protocol.';
}
