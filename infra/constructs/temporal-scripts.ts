// What the containers beside a self-hosted Temporal server run. All of it may run again at every start of the task.

export const DATABASE = 'temporal';
export const VISIBILITY_DATABASE = 'temporal_visibility';

/** psql as the migrator: the role of Temporal with the password of its secret, and its databases. */
export const CREATE_DATABASES = `psql -v ON_ERROR_STOP=1 -v password="$TEMPORAL_PASSWORD" <<'SQL'
select 'create role temporal login' where not exists (select from pg_roles where rolname = 'temporal') \\gexec
alter role temporal login password :'password';
grant temporal to current_user;
select 'create database ${DATABASE} owner temporal' where not exists (select from pg_database where datname = '${DATABASE}') \\gexec
select 'create database ${VISIBILITY_DATABASE} owner temporal' where not exists (select from pg_database where datname = '${VISIBILITY_DATABASE}') \\gexec
SQL`;

/** A database without schema gets the zeroth, on which all versions follow. `setup-schema` on one that has a schema would reset its version. */
export const UPDATE_SCHEMAS = [
  { database: DATABASE, folder: 'temporal' },
  { database: VISIBILITY_DATABASE, folder: 'visibility' },
]
  .map(
    ({ database, folder }) => `
export SQL_DATABASE=${database}
versioned=/etc/temporal/schema/postgresql/v12/${folder}/versioned
temporal-sql-tool update-schema -d "$versioned" || { temporal-sql-tool setup-schema -v 0.0; temporal-sql-tool update-schema -d "$versioned"; }`,
  )
  .join('\n')
  .trim();

export const CREATE_NAMESPACE =
  'temporal operator namespace describe -n "$TEMPORAL_NAMESPACE" || temporal operator namespace create -n "$TEMPORAL_NAMESPACE" --retention 7d';
