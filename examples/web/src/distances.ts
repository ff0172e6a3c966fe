// Names of the API's standard distances. One that a newer server adds is named by its code.
const NAMES: Record<string, string> = {
  M400: '400 m', M800: '800 m', KM1: '1 km', M1500: '1,500 m', MILE1: '1 mile', KM3: '3 km',
  MILE2: '2 miles', KM5: '5 km', KM10: '10 km', KM15: '15 km', MILE10: '10 miles', KM20: '20 km',
  HALF_MARATHON: 'Half marathon', KM30: '30 km', MARATHON: 'Marathon', KM50: '50 km',
};

export const distanceName = (code: string): string => NAMES[code] ?? code;

export const isDistance = (code: string): boolean => code in NAMES;

export const DISTANCES = Object.keys(NAMES);
