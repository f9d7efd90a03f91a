/** Prints a certificate authority made for one run of the tests, and a certificate of it for this computer, as JSON. */
import { generate } from "selfsigned";

const hour = { notBeforeDate: new Date(Date.now() - 60_000), notAfterDate: new Date(Date.now() + 3_600_000), algorithm: "sha256" };
const ca = await generate([{ name: "commonName", value: "Aloud's tests" }], {
  ...hour,
  extensions: [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
  ],
});
const server = await generate([{ name: "commonName", value: "localhost" }], {
  ...hour,
  ca: { key: ca.private, cert: ca.cert },
  extensions: [
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, keyEncipherment: true, critical: true },
    { name: "extKeyUsage", serverAuth: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] },
  ],
});
console.log(JSON.stringify({ ca: ca.cert, cert: server.cert, key: server.private }));
