import { Decimal } from './decimal.ts';

/** Currencies of ISO 4217 by the digits of their minor unit; Intl has other digits for some (none for huf, iqd, cop), as cash has them. */
const CURRENCIES: Readonly<Record<number, string>> = {
  0: 'bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf',
  2: `aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob bov brl bsd btn bwp byn bzd cad cdf che chf chw cny cop cou crc
    cuc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl hrk htg huf idr ils inr irr jmd kes kgs khr
    kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk mxn mxv myr mzn nad ngn nio nok npr nzd pab pen pgk php
    pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp sle sll sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd usn
    uyu uzs ved ves wst xcd xcg xdr xsu yer zar zmw zwg zwl`,
  3: 'bhd iqd jod kwd lyd omr tnd',
  4: 'clf uyw',
};
const DECIMAL_PLACES: ReadonlyMap<string, number> = new Map(
  Object.entries(CURRENCIES).flatMap(([digits, codes]) => codes.split(/\s+/).map((code): [string, number] => [code, Number(digits)])),
);
const SYMBOLS: Readonly<Record<string, string>> = { usd: '$', eur: '€', gbp: '£', inr: '₹', jpy: '¥', aud: 'AU$', cad: 'CA$', krw: '₩' };

/** Whether ISO 4217 knows the code, in any case. */
export function isCurrency(code: string): boolean {
  return DECIMAL_PLACES.has(code.toLowerCase());
}

/** Fraction digits of a currency by ISO 4217; a code that it does not know, which only old rows have, has 2. */
export function currencyDigits(currency: string): number {
  return DECIMAL_PLACES.get(currency.toLowerCase()) ?? 2;
}

/** Rounds an amount to the currency, half away from zero. Lines are rounded once, with this (billing.md 3.9). */
export function roundToCurrency(amount: Decimal, currency: string): Decimal {
  return amount.toDecimalPlaces(currencyDigits(currency), Decimal.ROUND_HALF_UP);
}

/** An amount in the currency's smallest units: 12.5 dollars are 1250 cents. What is smaller than a unit stays a fraction. */
export function minorUnits(amount: Decimal, currency: string): Decimal {
  return amount.times(new Decimal(10).pow(currencyDigits(currency)));
}

/** Amount with the currency's symbol, or its code where there is none, for people: "$12.50". The digits are never cut. */
export function displayAmount(amount: Decimal, currency: string): string {
  const digits = Math.max(currencyDigits(currency), amount.decimalPlaces());
  const symbol = SYMBOLS[currency.toLowerCase()] ?? `${currency.toUpperCase()} `;
  return `${symbol}${amount.toFixed(digits)}`;
}
