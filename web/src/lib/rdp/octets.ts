/** A cursor over octets that came from a target. What is not there is `Malformed`; nothing else is ever thrown. */

export class Malformed extends Error {}

export class Octets {
  readonly data: Uint8Array;
  #at: number;
  readonly #end: number;

  constructor(data: Uint8Array, from = 0, to = data.length) {
    this.data = data;
    this.#at = from;
    this.#end = to;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.data[this.#step(1)] as number;
  }

  u16(): number {
    const at = this.#step(2);
    return (this.data[at] as number) | ((this.data[at + 1] as number) << 8);
  }

  /** Big-endian: TPKT and MCS alone. */
  u16be(): number {
    const at = this.#step(2);
    return ((this.data[at] as number) << 8) | (this.data[at + 1] as number);
  }

  u32(): number {
    return this.u16() + this.u16() * 0x10000;
  }

  skip(count: number): void {
    this.#step(count);
  }

  take(count: number): Uint8Array {
    const at = this.#step(count);
    return this.data.subarray(at, at + count);
  }

  /** The next `count` octets as a cursor of their own. */
  part(count: number): Octets {
    const at = this.#step(count);
    return new Octets(this.data, at, at + count);
  }

  rest(): Uint8Array {
    return this.take(this.left);
  }

  #step(count: number): number {
    const at = this.#at;
    if (count < 0 || count > this.#end - at) throw new Malformed(`${count} octets wanted, ${this.#end - at} left`);
    this.#at = at + count;
    return at;
  }
}
