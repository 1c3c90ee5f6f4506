/**
 * Light objects: they pass for a `Request` or a `Response` of the platform, and make a real one only when that is needed,
 * since making one costs more than the rest of an exchange. `LightRequest`, `LightResponse` and the `Response` of a client
 * are made with `standIn()`; it also keeps which received message an object of the platform stands for.
 *
 * @module
 */

/** What a light class leaves to others. */
interface Lent<Light> {
  /** The real object in place of `light`; made at the first call, which also moves the body there. */
  real(light: Light): object;
  /** Properties that are the same for every light object. */
  readonly constants?: Readonly<Record<string, unknown>>;
}

/**
 * Makes `instanceof` hold for a light class, and adds the members that it does not have itself: all that the platform's
 * class has, so that what newer platforms add works too.
 */
export function standIn<Light extends object>(
  light: { readonly prototype: Light },
  platform: { readonly prototype: object },
  { real, constants = {} }: Lent<Light>,
): void {
  const { prototype } = light;
  const define = (name: string, property: PropertyDescriptor): void => {
    Object.defineProperty(prototype, name, { ...property, configurable: true });
  };
  for (const [name, value] of Object.entries(constants)) define(name, { get: () => value, enumerable: true });
  for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(platform.prototype))) {
    if (Object.hasOwn(prototype, name)) continue;
    if (get !== undefined) define(name, { get: lentGetter(name, real), enumerable: true });
    else if (typeof value === "function") define(name, { value: lentMethod(name, real), writable: true });
  }
  Object.setPrototypeOf(prototype, platform.prototype);
}

/** Reads a property from the real object. */
function lentGetter<Light>(name: string, real: Lent<Light>["real"]): () => unknown {
  return function (this: Light): unknown {
    return Reflect.get(real(this), name);
  };
}

/** Calls a method of the real object. */
function lentMethod<Light>(name: string, real: Lent<Light>["real"]): (...args: unknown[]) => unknown {
  return function (this: Light, ...args: unknown[]): unknown {
    const object = real(this);
    return (Reflect.get(object, name) as (...args: unknown[]) => unknown).apply(object, args);
  };
}

/** Where an object of the platform keeps the message that was received. */
const messageKey: unique symbol = Symbol("message");

/** Lets an object of the platform's classes stand for a message that was received. */
export function standFor(platform: object, message: object): void {
  (platform as { [messageKey]?: object })[messageKey] = message;
}

/** The message that an object stands for; the object itself where that is the message. */
export function messageOf(message: object): object {
  return (message as { [messageKey]?: object })[messageKey] ?? message;
}
