import * as z from 'zod';

export const RolesResponse = z.object({ roles: z.array(z.object({ id: z.string(), name: z.string(), description: z.string() })) });
