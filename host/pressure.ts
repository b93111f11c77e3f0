// What tasks of a control group waited for, as the kernel writes it. https://docs.kernel.org/accounting/psi.html

/** `total` in microseconds, averages in percent. */
export interface PressureData {
  total: number;
  avg10: number;
  avg60: number;
  avg300: number;
}

export interface Pressure {
  full: PressureData;
  some: PressureData;
}

/** Reads a file like cpu.pressure; what does not stand in it is 0. */
export function parsePressure(text: string): Pressure {
  const data = (word: string): PressureData => {
    const line = new RegExp(`^${word} (.*)$`, 'm').exec(text)?.[1] ?? '';
    const field = (name: string) => Number(new RegExp(`\\b${name}=([\\d.]+)`).exec(line)?.[1] ?? 0);
    return { total: field('total'), avg10: field('avg10'), avg60: field('avg60'), avg300: field('avg300') };
  };
  return { full: data('full'), some: data('some') };
}
