const symbols = [
  ["M", 1000], ["CM", 900], ["D", 500], ["CD", 400], ["C", 100], ["XC", 90],
  ["L", 50], ["XL", 40], ["X", 10], ["IX", 9], ["V", 5], ["IV", 4], ["I", 1],
];

/** 1 to 3999 as a Roman numeral. */
export function toRoman(number) {
  if (!Number.isInteger(number) || number < 1 || number > 3999) throw new RangeError(`${number} has no Roman numeral`);
  let rest = number;
  let text = "";
  for (const [symbol, value] of symbols) {
    while (rest >= value) {
      text += symbol;
      rest -= value;
    }
  }
  return text;
}

/** The number a canonical Roman numeral stands for. */
export function fromRoman(text) {
  let rest = text;
  let number = 0;
  for (const [symbol, value] of symbols) {
    while (rest.startsWith(symbol)) {
      number += value;
      rest = rest.slice(symbol.length);
    }
  }
  if (rest !== "" || number < 1 || number > 3999 || toRoman(number) !== text) throw new SyntaxError(`${JSON.stringify(text)} is not a Roman numeral`);
  return number;
}
