import { App, type AppProps, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { environmentConfig } from './config/environments.ts';
import type { EnvironmentConfig } from './config/schema.ts';
import { FlexpriceStage } from './stages/flexprice-stage.ts';

export interface FlexpriceAppProps extends AppProps {
  /** Folder that `npm run build` filled. */
  readonly dist: string;
  /** Absent: that of the environment which the context value `env` names, dev unless told. */
  readonly config?: EnvironmentConfig;
}

/** The CDK app of one environment. Throws when there is none of the name that the context says. */
export function createApp({ dist, config, ...props }: FlexpriceAppProps): App {
  const app = new App(props);
  const chosen = config ?? environmentConfig(String((app.node.tryGetContext('env') as unknown) ?? 'dev'));
  // Findings are errors. What is excused is excused beside its construct.
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  new FlexpriceStage(app, `flexprice-${chosen.name}`, { config: chosen, dist });
  return app;
}
