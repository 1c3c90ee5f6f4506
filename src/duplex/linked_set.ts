/**
 * A set of what is open now, in the order in which it was added: its members are linked with each other. Servers and proxies
 * keep connections in one.
 *
 * A `Set` or a `Map` of things that come and go would keep each of them until the next full garbage collection: V8 leaves a
 * former table behind whenever it makes it anew, with what was in it and a link to the next one, and once such a table is
 * old, all that has been in later ones grows old as well (seen on Node 26). A member that was removed
 * here leads nowhere, and nothing leads to it.
 *
 * @module
 */

/** What can be a member of one set. Only the set writes it. */
export interface Linked<Member> {
  /** The member before. */
  previous: Member | null;
  /** The member behind. */
  next: Member | null;
}

/** Has members. */
export class LinkedSet<Member extends Linked<Member>> implements Iterable<Member> {
  /** How many there are. Only this class writes it. */
  size = 0;
  #first: Member | null = null;
  #last: Member | null = null;

  /** Adds what is in no set. */
  add(member: Member): void {
    const last = this.#last;
    member.previous = last;
    if (last === null) this.#first = member;
    else last.next = member;
    this.#last = member;
    this.size++;
  }

  /** Removes a member. Nothing happens if it is none any more. */
  delete(member: Member): void {
    const { previous, next } = member;
    if (previous === null && next === null && this.#first !== member) return;
    if (previous === null) this.#first = next;
    else previous.next = next;
    if (next === null) this.#last = previous;
    else next.previous = previous;
    member.previous = member.next = null;
    this.size--;
  }

  /** Those that are members now, the oldest first: what is done with one may remove any of them. */
  [Symbol.iterator](): Iterator<Member> {
    const members: Member[] = [];
    for (let member = this.#first; member !== null; member = member.next) members.push(member);
    return members.values();
  }
}
