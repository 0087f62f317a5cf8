import { registerHooks } from 'node:module';

// The published client takes any zod 4 and gets the newest where nobody pins it; here package.json pins an older one for it. With these
// hooks it gets the one that the product itself uses, as in a folder where `npm install @flexprice/sdk` was all that was done.
registerHooks({
  resolve: (specifier, context, next) =>
    /^zod(\/|$)/.test(specifier) && context.parentURL?.includes('/@flexprice/sdk/') === true
      ? next(specifier, { ...context, parentURL: import.meta.url })
      : next(specifier, context),
});
