/**
 * Shamir's scheme over GF(256) with the polynomial of AES, byte by byte (PROTOCOL §21). It takes as long as its operands
 * say: what it puts together here is test data.
 */
const REDUCTION = 0x11b;

/** The product of two elements of the field. */
export function multiply(left, right) {
  let product = 0;
  let shifted = left;
  for (let rest = right; rest > 0; rest >>= 1) {
    if (rest & 1) product ^= shifted;
    shifted <<= 1;
    if (shifted & 0x100) shifted ^= REDUCTION;
  }
  return product;
}

/** An element's inverse: its power of 254, since every element but 0 is 1 to the power of 255. */
export function inverse(element) {
  let result = 1;
  for (let times = 0; times < 254; times += 1) result = multiply(result, element);
  return result;
}

/**
 * What the polynomials through these points are at 0. It finds no wrong share: any points make something.
 * @param {Map<number, Uint8Array>} shares by the place (1 to 255) at which each stands; all of one length
 * @returns {Uint8Array}
 */
export function combine(shares) {
  const [first] = shares.values();
  const secret = new Uint8Array(first.length);
  for (const [place, share] of shares) {
    const weight = weightAtZero(place, [...shares.keys()]);
    share.forEach((byte, position) => {
      secret[position] ^= multiply(weight, byte);
    });
  }
  return secret;
}

/** Lagrange's factor of one place for the value at 0; subtracting is adding here. */
function weightAtZero(place, places) {
  return places
    .filter((other) => other !== place)
    .reduce((weight, other) => multiply(weight, multiply(other, inverse(other ^ place))), 1);
}
