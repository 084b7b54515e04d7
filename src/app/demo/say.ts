/** Tells the person who runs the demo. */
export const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

/** Begins a part of the story. */
export const step = (title: string): void => say(`\n── ${title}`);
